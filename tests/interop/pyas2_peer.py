"""A trading partner made of pyas2lib, for interop.mjs: an AS2 server, and a few calls to steer it.

Usage: pyas2_peer.py KEY.pem OTHER.crt NAME OTHER_NAME OTHER_URL
Prints its port. POST /as2 receives messages and receipts; POST /send {"content": base64, "filename", "partner": {...}} sends
one and answers with its outcome; GET /received tells what came; GET /receipts what became of messages sent.
"""

import base64
import json
import re
import sys
import threading
import traceback
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# oscrypto 1.3.0 reads the version of OpenSSL with a pattern of single digits and finds none in 3.0.18 (its issue 78).
search = re.search
re.search = lambda pattern, text, *more: search(
    pattern.replace(r"\d\.\d\.\d", r"\d+\.\d+\.\d+") if isinstance(pattern, str) else pattern, text, *more)

from pyas2lib.as2 import Mdn, Message, Organization, Partner  # noqa: E402

key_file, other_certificate, name, other_name, other_url = sys.argv[1:6]
key = open(key_file, "rb").read()
certificate = open(other_certificate, "rb").read()
received, sent, receipts = [], {}, {}
partner_settings = {}
lock = threading.Lock()


def organization():
    return Organization(as2_name=name, sign_key=key, sign_key_pass="", decrypt_key=key, decrypt_key_pass="",
                        mdn_url=f"http://127.0.0.1:{server.server_port}/as2")


def partner():
    return Partner(as2_name=other_name, verify_cert=certificate, encrypt_cert=certificate, validate_certs=False,
                   **partner_settings)


def post(url, headers, body):
    """What the other side answers: (status, header bytes, body)."""
    headers = {header: " ".join(value.split()) for header, value in headers.items()}  # unfolded
    call = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(call, timeout=30) as answer:
            return answer.status, str(answer.headers).encode(), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, str(error.headers).encode(), error.read()


def send_receipt(mdn):
    status, _, body = post(mdn.mdn_url, mdn.headers, mdn.content)
    if status >= 300:
        print(f"the receipt sent to {mdn.mdn_url} was answered {status}: {body[:500]}", file=sys.stderr)


def raw_of(headers, body):
    return "".join(f"{k}: {v}\r\n" for k, v in headers).encode() + b"\r\n" + body


def parse_receipt(raw):
    mdn = Mdn()
    status, detail = mdn.parse(raw, lambda message_id, recipient: sent.get(message_id.strip("<>")))
    with lock:
        receipts[(mdn.orig_message_id or "").strip("<>")] = [status, detail]
    return status, detail


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            whole = b""
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                piece = self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return whole
                whole += piece
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status, body=b"", headers=None):
        self.send_response(status)
        for header, value in (headers or {}).items():
            self.send_header(header, " ".join(value.split()))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def tell(self, value):
        self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def do_GET(self):
        self.tell(received if self.path == "/received" else receipts)

    def do_POST(self):
        try:
            body = self.body()
            if self.path == "/send":
                self.send(json.loads(body))
            elif self.path == "/settings":
                partner_settings.clear()
                partner_settings.update(json.loads(body))
                self.tell({})
            else:
                self.receive(body)
        except Exception:
            traceback.print_exc()
            self.answer(500, traceback.format_exc().encode())

    def send(self, wish):
        message = Message(sender=organization(), receiver=partner())
        message.build(base64.b64decode(wish["content"]), filename=wish["filename"], subject="interop",
                      content_type="application/edi-x12")
        sent[message.message_id] = message
        status, headers, body = post(other_url, message.headers, message.content)
        outcome = {"status": status, "message_id": message.message_id, "answer": body[:2000].decode("latin-1")}
        if status == 200 and partner_settings.get("mdn_mode") == "SYNC":
            outcome["receipt"] = parse_receipt(headers.strip() + b"\r\n\r\n" + body)
        self.tell(outcome)

    def receive(self, body):
        raw = raw_of(self.headers.items(), body)
        if b"disposition-notification" in raw[:8192] and b"report-type" in raw[:8192]:
            parse_receipt(raw)
            self.answer(200)
            return
        message = Message()
        status, exception, mdn = message.parse(raw, lambda _: organization(), lambda _: partner(), lambda *_: False)
        with lock:
            received.append({"status": status, "why": str(exception[0]) if exception[0] else None,
                             "content": base64.b64encode(message.content or b"").decode() if status == "processed" else None,
                             "signed": message.signed, "encrypted": message.encrypted, "compressed": message.compressed})
        if mdn is None:
            self.answer(200)
        elif mdn.mdn_mode == "ASYNC":
            self.answer(200)
            threading.Thread(target=send_receipt, args=(mdn,)).start()
        else:
            self.answer(200, mdn.content, mdn.headers)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
