"""How soon the pages of ``make html`` can be read and explored, on a phone with a slow net.

    python -m experiments.benchmark_pages

Needs the extra ``browser``, Chromium, and pages in ``build/html``. They are served as GitHub does, with gzip,
and once more without; Chromium slows its own net to 10 Mbit/s and its processor to a quarter. Beside it, for
the ratio, the same without slowing. Medians of five openings with an empty cache. What is sent counts the
scripts beside a page, if it asks for them before anybody scrolls.
"""

import functools
import gzip
import http.server
import shutil
import statistics
import sys
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parent.parent / "build" / "html"
PHONE = {"width": 360, "height": 740}
SLOW_NET = {"offline": False, "latency": 40, "downloadThroughput": 10e6 / 8, "uploadThroughput": 10e6 / 8}
SLOW_PROCESSOR = 4  # times
OPENINGS = 5
CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
WATCH = """
window.shifts = 0;
new PerformanceObserver((list) => list.getEntries().forEach((entry) => (shifts += entry.value)))
    .observe({ type: "layout-shift", buffered: true });
new MutationObserver((_, observer) => {
    const begun = document.querySelector("[data-begun], [data-drawn]");
    if (begun) requestAnimationFrame(() => (window.alive ??= performance.now()));
    if (!begun?.matches("[data-drawn]")) return;
    requestAnimationFrame(() => (window.whole = performance.now()));
    observer.disconnect();
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-begun", "data-drawn"] });
"""
MEASURED = """() => ({
    readable: performance.getEntriesByName("first-contentful-paint")[0].startTime / 1000,
    alive: window.alive / 1000,
    whole: window.whole / 1000,
    shifts: window.shifts,
    sent: performance.getEntries().filter((entry) => entry.name.startsWith(location.origin))
        .reduce((sum, entry) => sum + entry.encodedBodySize, 0) / 1e6,
})"""


class Pages(http.server.BaseHTTPRequestHandler):
    """Serves the pages from memory, compressed where it was told to."""

    protocol_version = "HTTP/1.1"

    def __init__(self, compressed, *given):
        self.compressed = compressed
        super().__init__(*given)

    def do_GET(self):
        content = _content(self.path.lstrip("/"), self.compressed)
        self.send_response(200)
        kind = "javascript" if self.path.endswith(".js") else "html"
        self.send_header("Content-Type", f"text/{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        if self.compressed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@functools.cache
def _content(name, compressed):
    content = (FOLDER / name).read_bytes()
    return gzip.compress(content, 6) if compressed else content


def opened(browser, address: str, slow: bool) -> dict[str, float]:
    """Seconds until a page can be read, its first explorer lives, and has all its rows; and the MB sent."""
    context = browser.new_context(viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True)
    page = context.new_page()
    if slow:
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", SLOW_NET)
        session.send("Emulation.setCPUThrottlingRate", {"rate": SLOW_PROCESSOR})
    page.add_init_script(WATCH)
    page.goto(address, wait_until="commit")
    page.wait_for_function("() => window.whole", timeout=120_000)
    page.wait_for_load_state()
    measured = page.evaluate(MEASURED)
    context.close()
    return measured


def main():
    names = sorted(file.name for file in FOLDER.glob("*.html"))
    if not names:
        sys.exit("There are no pages in build/html yet: make html")
    print("page, MB, MB sent | seconds until readable, the first explorer lives, is whole | layout shifts")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
        for way, compressed, slow in (("slow, gzip", 1, 1), ("slow, plain", 0, 1), ("fast, gzip", 1, 0)):
            handler = functools.partial(Pages, compressed)
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            for name in names:
                address = f"http://127.0.0.1:{server.server_port}/{name}"
                found = [opened(browser, address, slow) for _ in range(OPENINGS)]
                median = {key: statistics.median(one[key] for one in found) for key in found[0]}
                weight = (FOLDER / name).stat().st_size / 1e6
                print(f"{way}: {name}, {weight:.1f}, {median['sent']:.1f}", end=" | ")
                print(", ".join(f"{median[key]:.2f}" for key in ("readable", "alive", "whole")), end=" | ")
                print(f"{median['shifts']:.3f}", flush=True)
            server.shutdown()
        browser.close()


if __name__ == "__main__":
    main()
