"""Exported pages, opened from disk with the network off: everything still explores."""

from conftest import ORDER, saved_weights


def test_every_explorer_explores_without_a_kernel(in_page):
    for name in ORDER:
        explored = in_page[name]
        explored.box.scroll_into_view_if_needed()
        assert not explored.box.locator(".explorer-plain").is_visible()
        before = explored.pixels()
        explored.sliders().first.focus()
        explored.press("ArrowRight", 20)
        explored.page.wait_for_timeout(50)
        assert explored.pixels() != before, name


def test_buttons_work_without_a_kernel(in_page):
    numbers = in_page["numbers"]
    numbers.button("Random point").click()
    assert sum(value != 0 for value in numbers.values()) > 9
    learned = in_page["learned"]
    before = learned.pixels()
    learned.box.get_by_role("button", name="5", exact=True).click()
    assert learned.pixels() != before


def test_the_page_asks_nobody_for_anything(in_page):
    schemes = {request.split(":")[0] for request in in_page["map"].page.requests}
    assert schemes <= {"file", "data", "blob"}
    files = [request for request in in_page["map"].page.requests if request.startswith("file")]
    assert len(files) == 1


def test_the_page_holds_each_model_once(exported):
    weights = saved_weights(exported)
    assert len(weights) == len(set(weights)) == 8
