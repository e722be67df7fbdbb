"""The stages of the pipeline: each room holds its verbs (one module a rule) and their nouns."""
