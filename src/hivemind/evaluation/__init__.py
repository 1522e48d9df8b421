"""Whether skills help: exposures, holdouts, uplift by skill and model, and what follows from them."""
