"""Force fields learned from trajectories, and forecasts: fitted on the past, judged on what they have not seen."""
