"""What learns: elegantrl's algorithms on this project's networks and environment, with what they get wrong mended."""
