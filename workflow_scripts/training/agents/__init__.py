"""The agents that there are: a module each, with the hyperparameters and what an update aims at. No torch here."""
