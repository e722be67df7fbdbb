"""One module per optimizer; each proposes a round from the scores of the rounds before it."""
