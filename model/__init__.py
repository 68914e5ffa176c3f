"""From arrays to cells: the U-Net, its losses, training, inference and scores."""
