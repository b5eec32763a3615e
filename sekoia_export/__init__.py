"""Launch massive event exports of Sekoia.io, wait for them, fetch and decrypt them."""
