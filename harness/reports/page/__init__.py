"""One run as one HTML file: tables that sort and filter, plots, and the curves of each row."""
