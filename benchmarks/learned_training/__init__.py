"""Training of the learned front end: pictures as macroblocks, the trainable maps, losses, figures."""
