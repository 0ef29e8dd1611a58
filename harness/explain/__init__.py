"""Where in an image a trained model sees a class: Grad-CAM heat maps of a cell's test images."""
