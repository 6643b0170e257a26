"""What the equations of each model are: functions of places, pairs and times, and their sums over the training data."""
