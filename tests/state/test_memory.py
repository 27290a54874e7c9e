"""What was learned about an account."""

from __future__ import annotations

from connector.state.memory import Memory


def test_what_was_learned_is_known_to_everyone_who_asks_later(db) -> None:
    asked_before = Memory(db, "maison-lea")
    assert asked_before.recall("stores") is None

    Memory(db, "maison-lea").learn("stores", "3")
    assert asked_before.recall("stores") == Memory(db, "maison-lea").recall("stores") == "3"


def test_learning_again_replaces(db) -> None:
    memory = Memory(db, "maison-lea")
    for value in ("3", "4", "4"):
        memory.learn("stores", value)

    assert memory.recall("stores") == Memory(db, "maison-lea").recall("stores") == "4"


def test_accounts_do_not_know_about_each_other(db) -> None:
    Memory(db, "maison-lea").learn("stores", "3")

    assert Memory(db, "other").recall("stores") is None
