"""A small clinic's API, in clear and over TLS. Arguments: the two ports, certificate, key, the file of patients."""

import json
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PLAIN, SECURED, CERTIFICATE, KEY, PEOPLE = sys.argv[1:]
with open(PEOPLE, encoding="utf-8") as file:
    PATIENTS = {person["id"]: person for person in json.load(file)}


class Clinic(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, document):
        body = (json.dumps(document, indent=1) + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def patient(self):
        number = self.path.removeprefix("/patients/")
        return int(number) if number.isdigit() and int(number) in PATIENTS else None

    def do_GET(self):
        if self.path == "/patients":
            self.answer(200, {"patients": list(PATIENTS.values())})
        elif (number := self.patient()) is not None:
            self.answer(200, PATIENTS[number])
        else:
            self.answer(404, {"error": "not found"})

    def do_DELETE(self):
        if (number := self.patient()) is not None:
            self.answer(200, {"deleted": PATIENTS.pop(number)["id"]})
        else:
            self.answer(404, {"error": "not found"})


def main():
    secured = ThreadingHTTPServer(("127.0.0.1", int(SECURED)), Clinic)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    secured.socket = context.wrap_socket(secured.socket, server_side=True)
    threading.Thread(target=secured.serve_forever, daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", int(PLAIN)), Clinic).serve_forever()


main()
