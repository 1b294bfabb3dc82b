"""What a coordinator publishes, as its readers take it: knows neither CA key nor vault nor ssh."""
