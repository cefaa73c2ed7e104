"""A real mail server (aiosmtpd) on a free port of the loopback, for mail.mjs.

mailserver.py TLS CERTIFICATE KEY USER PASSWORD: TLS is starttls, implicit or none. Says its port in the first line, then each message
as a line of JSON. nobody@… is refused for good, later@… is put off once.
"""

import json
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

tls, certificate, key, user, password = sys.argv[1:6]


def say(line):
    print(line, flush=True)


class Mailbox:
    put_off = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later@") and address not in self.put_off:
            self.put_off.add(address)
            return "451 4.7.1 greylisted, come again"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        say(json.dumps({
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": server.transport.get_extra_info("sslcontext") is not None, "user": session.auth_data,
            "data": envelope.content.decode("utf-8", "surrogateescape")}))
        return "250 2.0.0 taken"


def authenticate(server, session, envelope, mechanism, data):
    login, word = data.login.decode(), data.password.decode()
    good = (login, word) == (user, password)
    return AuthResult(success=good, handled=good, auth_data=login if good else None)


context = None
if tls != "none":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
controller = Controller(
    Mailbox(), hostname="127.0.0.1", port=0, ssl_context=context if tls == "implicit" else None,
    tls_context=context if tls == "starttls" else None, require_starttls=tls == "starttls",
    authenticator=authenticate, auth_required=bool(user), auth_require_tls=tls == "starttls")
try:
    controller.start()
except (OSError, AssertionError):
    pass  # it looks at port 0 itself after listening
say(controller.server.sockets[0].getsockname()[1])
while True:
    time.sleep(3600)
