"""The long form of the fault schedules: `make soak`."""
