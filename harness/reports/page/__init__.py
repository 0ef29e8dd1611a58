"""One run as one HTML file: tables that sort and filter, plots, and the curves of each row."""

PAGE = "page.html"
"""What the page's file is called; it lies beside the leaderboard."""
