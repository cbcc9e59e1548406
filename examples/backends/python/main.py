"""A backend that asks apikeys whose key a request has, with Authlib."""

import os

import requests
from authlib.integrations.flask_oauth2 import ResourceProtector, current_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7662 import IntrospectTokenValidator
from flask import Flask
from werkzeug.serving import make_server

APIKEYS_URL = os.environ["APIKEYS_URL"]
# The id and the secret of a key with the scope `apikeys:introspect`.
CLIENT_ID = os.environ["APIKEYS_CLIENT_ID"]
CLIENT_SECRET = os.environ["APIKEYS_CLIENT_SECRET"]


class ApiKeys(IntrospectTokenValidator):
    def introspect_token(self, token_string):
        with OAuth2Session(CLIENT_ID, CLIENT_SECRET) as session:
            answer = session.introspect_token(
                f"{APIKEYS_URL}/introspect", token=token_string, timeout=20
            )
        answer.raise_for_status()
        return answer.json()


app = Flask(__name__)
require_key = ResourceProtector()
require_key.register_token_validator(ApiKeys())


@app.get("/hello")
@require_key("hello")
def hello():
    return f"Hello, {current_token['sub']}", {"Content-Type": "text/plain; charset=utf-8"}


@app.errorhandler(requests.RequestException)
def cannot_tell(error):
    # Whether the key is good is not known, so this is neither a 401 nor a 200.
    app.logger.error("apikeys does not answer: %s", error)
    return "try again later\n", 503


if __name__ == "__main__":
    # For production take a WSGI server, such as gunicorn.
    server = make_server("127.0.0.1", int(os.environ.get("PORT", 3000)), app, threaded=True)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
