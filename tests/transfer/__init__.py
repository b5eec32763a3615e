"""The transfer, against the simulator's storage on a socket."""
