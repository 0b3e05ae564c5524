"""The floor: a raw ASGI application that reads the body and answers JSON of as many bytes as the path says."""


async def app(scope, receive, send):
    """Serve one request; a server without lifespan is all it needs."""
    assert scope["type"] == "http"
    while (await receive()).get("more_body"):
        pass
    size = int(scope["path"][1:] or 0)
    body = b'{"data":"' + b"x" * (size - 11) + b'"}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
