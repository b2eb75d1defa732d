"""From an image and a metric to a sample of scores under noise."""
