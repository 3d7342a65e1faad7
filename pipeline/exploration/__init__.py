"""Page with a slider for each factor that an experiment varies, over the measured networks."""
