"""Write graded work as files to train a model with."""
