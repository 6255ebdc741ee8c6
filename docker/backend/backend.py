"""Answers every request with what it received, as JSON, and as the query asks for it:

fail=NAME     the application of this name answers 503; with fail=all each does
stream=MS     two lines of text, the second so many milliseconds after the first
remember      from now on every report says the body as "word", which who has not asked the application cannot know, and
              whether X-Forwarded-For names just the one who told it ("from_teller")

"received" is how many POSTs have had the body of the request. A WebSocket answers each text message with the same JSON
and the message.
"""

import asyncio
import os
from collections import Counter

from aiohttp import HttpVersion11, WSMsgType, web

NAME = os.environ["LABS_SERVICE"]
PORT = 8080
LONGEST_STREAM = 10_000  # milliseconds
WORD_LENGTH = 100
MOST_BODIES = 10_000
received = Counter()
known = {"word": "", "teller": None}


def report(request, **more):
    forwarded = request.headers.getall("X-Forwarded-For", [])
    clients = [entry.strip() for line in forwarded for entry in line.split(",")]
    return {
        "app": NAME,
        "word": known["word"],
        "from_teller": clients == [known["teller"]],
        "method": request.method,
        "path": request.raw_path,
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "clients": clients,
        **more,
    }


async def chat(request):
    messages = web.WebSocketResponse(max_msg_size=64 * 1024)
    await messages.prepare(request)
    async for message in messages:
        if message.type == WSMsgType.TEXT:
            await messages.send_json(report(request, message=message.data))
    return messages


async def stream(request, milliseconds):
    answer = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await answer.prepare(request)
    await answer.write(b"first\n")
    await asyncio.sleep(min(milliseconds, LONGEST_STREAM) / 1000)
    await answer.write(b"last\n")
    await answer.write_eof()
    return answer


async def answer(request):
    # A WebSocket begins in HTTP/1.1; the library does not look.
    if request.version >= HttpVersion11 and web.WebSocketResponse().can_prepare(request):
        return await chat(request)
    pause = request.query.get("stream", "")
    if pause.isdecimal():
        return await stream(request, int(pause))
    body = (await request.read()).decode(errors="replace")
    if "remember" in request.query:
        known.update(word=body[:WORD_LENGTH], teller=request.remote)
    if request.method == "POST" and len(received) < MOST_BODIES:
        received[body] += 1
    status = 503 if request.query.get("fail") in (NAME, "all") else 200
    return web.json_response(report(request, body=body, received=received[body]), status=status)


app = web.Application(client_max_size=16 * 1024)
app.router.add_route("*", "/{path:.*}", answer)
web.run_app(app, port=PORT, print=None, handle_signals=True)
