"""Firefox by its own protocol, WebDriver BiDi, for want of geckodriver and Playwright's build in Debian."""

import itertools
import json
import re
import shutil
import subprocess
import time

from websocket import create_connection


class Firefox:
    """A headless Firefox with a profile of its own in ``folder``."""

    PROGRAM = shutil.which("firefox-esr") or shutil.which("firefox")

    def __init__(self, folder):
        self.folder = folder
        self.numbers = itertools.count(1)

    def __enter__(self):
        options = ["--headless", "--no-remote", "--profile", self.folder, "--remote-debugging-port=0"]
        self.process = subprocess.Popen([self.PROGRAM, *options], stderr=subprocess.PIPE, text=True)
        address = next(found[1] for line in self.process.stderr if (found := re.search(r"(ws://\S+)", line)))
        self.socket = create_connection(f"{address}/session", timeout=120, suppress_origin=True)
        self.call("session.new", capabilities={})
        self.context = self.call("browsingContext.getTree")["contexts"][0]["context"]
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.process.terminate()
        self.process.wait(timeout=30)

    def call(self, method, **params):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv())).get("id") != number:
            pass
        assert answer["type"] == "success", answer
        return answer["result"]

    def open(self, address):
        self.call("browsingContext.navigate", context=self.context, url=address, wait="complete")

    def evaluate(self, expression):
        target = {"context": self.context}
        answer = self.call("script.evaluate", expression=expression, target=target, awaitPromise=True)
        assert answer["type"] == "success", answer
        return answer["result"].get("value")

    def wait_for(self, condition, seconds=60):
        for _ in range(10 * seconds):
            if self.evaluate(condition):
                return
            time.sleep(0.1)
        raise TimeoutError(condition)
