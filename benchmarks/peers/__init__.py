"""The peers: the same pages as a careful user of each stack would write them, and no more."""
