"""Where bars come from: recorded files, the sample, a simulated market."""
