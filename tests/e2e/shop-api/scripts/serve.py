"""Serve the application on this machine: python scripts/serve.py 8081."""

import sys
from wsgiref.simple_server import make_server

from shop.app import application

make_server("127.0.0.1", int(sys.argv[1]), application).serve_forever()
