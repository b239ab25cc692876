"""One question each: what a step costs beside hand-written code and beside peers, how fast spectra are found."""
