"""The arguments of every step: the manifests and the command line are made from these models."""
