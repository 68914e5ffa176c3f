"""The sliders of 07_look in JupyterLab, moved in a real browser where there is one."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from conductor.stage import REFERENCE_SETTINGS

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
DRIVER = "playwright"
START_S, RUN_S = 60, 90


@pytest.fixture
def lab(executed_copy: Path, tmp_path: Path) -> Iterator[str]:
    """Address of 07_look, or a copy of it that may be saved, in a JupyterLab of its own."""
    copy = executed_copy / "notebooks" / "look_in_lab.ipynb"
    shutil.copy(copy.with_name("07_look.ipynb"), copy)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={token}"]
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    folders += ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    own = {name: str(tmp_path / name.lower()) for name in folders}
    server = subprocess.Popen(
        command,
        cwd=executed_copy,
        env={**os.environ, **REFERENCE_SETTINGS, **own, "PYTHONPATH": str(executed_copy)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/api?token={token}", server)
        yield f"{address}/lab/tree/notebooks/{copy.name}?token={token}"
    finally:
        server.terminate()
        server.wait(timeout=30)
        copy.unlink()


def wait_for(address: str, server: subprocess.Popen) -> None:
    """Return when a server answers."""
    end = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason=f"no browser: none of {', '.join(BROWSERS)} is found")
@pytest.mark.skipif(find_spec(DRIVER) is None, reason=f"{DRIVER} is not installed: pip install it")
def test_moving_a_slider_in_jupyterlab_changes_the_count(lab: str, tmp_path: Path) -> None:
    driver = import_module(f"{DRIVER}.sync_api")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=options)
        page = browser.new_page(viewport={"width": 1300, "height": 1300})
        page.set_default_timeout(1000 * RUN_S)
        page.goto(lab)
        page.get_by_text("| Idle").wait_for()  # else the lab asks which kernel to start
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.locator(".lm-Menu-itemLabel").get_by_text("Run All Cells", exact=True).click()
        count = page.locator(".widget-html-content b")
        count.wait_for()
        before, picture = count.inner_text(), page.locator("img.widget-image").get_attribute("src")
        page.screenshot(path=tmp_path / "before.png")
        handle = page.locator(".widget-slider .noUi-handle").nth(1)
        handle.focus()
        handle.press("End")
        driver.expect(count).not_to_have_text(before)
        after = count.inner_text()
        page.screenshot(path=tmp_path / "after.png")
        assert page.locator("img.widget-image").get_attribute("src") != picture
        browser.close()
    assert before.endswith("cells") and 0 < int(after.split()[0]) < int(before.split()[0])
