"""What every training of the package shares: processes, images, draws, the loop, files that survive a kill."""
