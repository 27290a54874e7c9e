"""The measurements that docs/performance.md quotes: `make bench`. Not a part of the test suite."""
