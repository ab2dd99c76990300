"""A learner as the hub sees one: logs in by the form, opens a chapter, runs its cells, moves its sliders.

Speaks what a browser with JupyterLab speaks: HTTP with cookies and tokens against forged requests, and a
kernel's messages over a websocket.
"""

import asyncio
import json
import re
import struct
import time
import uuid
from collections.abc import Awaitable
from typing import NamedTuple

import aiohttp
from yarl import URL

CHAPTER = "notebooks/1_autoencoder.ipynb"
START_SECONDS = 600  # of patience with a server's start


class RequestFailedError(RuntimeError):
    """The hub or a learner's server refused or could not answer."""


class Answer(NamedTuple):
    """What became of a cell."""

    status: str  # "ok", "error", or "died" with its kernel
    seconds: float
    words: str  # the error's, or what was asked for
    sliders: list[str]  # that the cell has shown, as their comms


class Learner:
    """One learner with a browser. Use it in ``async with``."""

    def __init__(self, name: str, address: str, password: str):
        self.name, self.address, self.password = name, address, password
        self.requests, self.deaths = 0, 0
        self._waiting = {}  # by message: what has come back
        self._session_id = uuid.uuid4().hex

    async def __aenter__(self):
        patience = aiohttp.ClientTimeout(total=START_SECONDS)
        self._http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=patience)
        return self

    async def __aexit__(self, *_):
        if hasattr(self, "_reader"):
            self._reader.cancel()
            await self._socket.close()
        await self._http.close()

    async def ask(self, method: str, path: str, **given) -> tuple[str, str]:
        """Return the path where a request ended, and the answer's text.

        Raises:
            RequestFailedError: it was not answered well.
        """
        self.requests += 1
        try:
            async with self._http.request(method, self.address + path, **given) as response:
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise RequestFailedError(f"{self.name}: {method} {path}: {error!r}") from error
        if response.status >= 400:
            raise RequestFailedError(f"{self.name}: {method} {path}: {response.status} {response.reason}")
        return response.url.path, text

    async def log_in(self) -> None:
        """Log in by the form, and wait until the server runs."""
        _, form = await self.ask("GET", "/hub/login")
        token = re.search(r'name="_xsrf"\s+value="([^"]+)"', form)[1]
        data = {"username": self.name, "password": self.password, "_xsrf": token}
        where, _ = await self.ask("POST", "/hub/login", data=data)
        if where == "/hub/login":
            raise RequestFailedError(f"{self.name}: the name or the password was refused")
        while not where.startswith(f"/user/{self.name}/"):
            await asyncio.sleep(1)
            where, _ = await self.ask("GET", f"/hub/spawn-pending/{self.name}")

    async def open(self, chapter: str = CHAPTER) -> dict:
        """Open a chapter with a kernel, as JupyterLab does; return the notebook."""
        await self.ask("GET", f"/user/{self.name}/lab/tree/{chapter}")
        notebook = await self.api("GET", f"contents/{chapter}")
        wanted = {"path": chapter, "name": "", "type": "notebook", "kernel": {"name": "python3"}}
        self.kernel = (await self.api("POST", "sessions", json=wanted))["kernel"]["id"]
        address = f"{self.address}/user/{self.name}/api/kernels/{self.kernel}/channels"
        named = {"session_id": self._session_id, "_xsrf": self._token()}
        self._socket = await self._http.ws_connect(address, params=named, max_msg_size=0)
        self._reader = asyncio.create_task(self._read())
        return notebook["content"]

    async def api(self, method: str, path: str, **given) -> dict:
        """Return what the learner's own server answers."""
        headers = {"X-XSRFToken": self._token()}
        _, text = await self.ask(method, f"/user/{self.name}/api/{path}", headers=headers, **given)
        return json.loads(text) if text else {}

    async def run(self, code: str, asked: str = "None") -> Answer:
        """Run a cell; ``asked`` is a Python expression to be answered afterwards."""
        start = time.perf_counter()
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        came = await self._send("execute_request", content | {"user_expressions": {"asked": asked}})
        seconds = time.perf_counter() - start
        if came["reply"] is None:
            return Answer("died", seconds, "the kernel died", [])
        reply = came["reply"]
        if reply["status"] != "ok":
            return Answer("error", seconds, f"{reply.get('ename')}: {reply.get('evalue')}", [])
        said = reply["user_expressions"]["asked"]
        return Answer("ok", seconds, said.get("data", {}).get("text/plain", ""), came["sliders"])

    async def interrupt(self, running: Awaitable[Answer]) -> Answer:
        """Interrupt the cell that is running; return what became of it."""
        await self.api("POST", f"kernels/{self.kernel}/interrupt")
        return await running

    async def move(self, slider: str, value: float) -> float:
        """Move a slider by message; return the seconds until Python has taken notice.

        Raises:
            RequestFailedError: the slider stands elsewhere afterwards.
        """
        start = time.perf_counter()
        change = {"method": "update", "state": {"value": value}, "buffer_paths": []}
        await self._send("comm_msg", {"comm_id": slider, "data": change})
        seconds = time.perf_counter() - start
        asked = f"__import__('ipywidgets').Widget.widgets[{slider!r}].value"
        found = (await self.run("", asked)).words
        if float(found) != value:
            raise RequestFailedError(f"{self.name}: a slider was moved to {value} and stands at {found}")
        return seconds

    def _token(self):
        cookies = self._http.cookie_jar.filter_cookies(URL(f"{self.address}/user/{self.name}/"))
        return cookies["_xsrf"].value

    async def _send(self, kind, content):
        """Send the kernel a message; return what came of it when the kernel has done with it, or has died."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "username": self.name, "date": ""}
        header |= {"session": self._session_id, "version": "5.3"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        done = asyncio.get_running_loop().create_future()
        needs_reply = kind == "execute_request"
        came = {"reply": None, "sliders": [], "idle": False, "needs_reply": needs_reply, "done": done}
        self._waiting[header["msg_id"]] = came
        await self._socket.send_json(message | {"channel": "shell", "buffers": []})
        await done
        return came

    async def _read(self):
        """Take the kernel's messages, until the connection ends."""
        async for frame in self._socket:
            binary = frame.type == aiohttp.WSMsgType.BINARY
            self._take(json.loads(_first_part(frame.data) if binary else frame.data))
        self._lose("the connection to the kernel was lost")

    def _take(self, message):
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "status" and content["execution_state"] in ("restarting", "dead"):
            self.deaths += 1
            self._lose("the kernel died")
        came = self._waiting.get(message["parent_header"].get("msg_id"))
        if came is None:
            return
        if kind == "execute_reply":
            came["reply"] = content
        elif (
            kind == "comm_open" and content["data"].get("state", {}).get("_model_name") == "FloatSliderModel"
        ):
            came["sliders"].append(content["comm_id"])
        elif kind == "status" and content["execution_state"] == "idle":
            came["idle"] = True
        if came["idle"] and (came["reply"] or not came["needs_reply"]):
            del self._waiting[message["parent_header"]["msg_id"]]
            came["done"].set_result(None)

    def _lose(self, why):
        """Answer all that is still waited for."""
        for came in self._waiting.values():
            came["done"].set_result(why)
        self._waiting.clear()


def _first_part(data):
    """The message of a frame that carries buffers, too."""
    _, first, second = struct.unpack("!3I", data[:12])
    return data[first:second]
