"""A store that refuses every request and repeats what it was sent, as careless servers do: echo_store.py PORT-FILE."""
import http.server
import sys
from xml.sax.saxutils import escape


class Echo(http.server.BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        said = " ".join(f"{name}={value}" for name, value in reversed(self.headers.items()))
        body = f"<Error><Code>AccessDenied</Code><Message>{escape(said)}</Message></Error>".encode()
        self.send_response(403)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
with open(sys.argv[1], "w") as out:
    print(server.server_port, file=out)
server.serve_forever()
