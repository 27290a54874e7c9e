"""Property tests are not timed: the first phone number of a run loads the numbering plans of its country."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
