"""The console in a browser: the server, who may ask it what, and the pages."""
