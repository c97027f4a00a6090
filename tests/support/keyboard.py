"""A person who uses the keyboard alone."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

LOOK = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return ['the browser', ''];
  // What has the focus in a frame is for the frame's own page to show.
  if (element.matches('iframe')) return ['a frame', ''];
  const box = element.getBoundingClientRect();
  const words = (element.innerText || element.getAttribute('aria-label') || element.name || '').trim();
  const ring = (e) => {
    const style = getComputedStyle(e);
    const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    return outlined || style.boxShadow.includes(' 0px 0px 0px 2px');
  };
  const holders = [element, element.parentElement, element.parentElement.parentElement];
  // A link over a whole card puts the ring around the card's picture.
  const picture = element.closest('.card')?.querySelector('.tile');
  const [wide, high] = [innerWidth - 1, innerHeight - 1];
  const out = box.bottom < 1 || box.top > high || box.right < 1 || box.left > wide;
  const header = document.querySelector('.masthead');
  const free = !header || header.contains(element) || element.matches('.skip');
  const under = !free && box.top < header.getBoundingClientRect().bottom - 1;
  const plain = ![...holders, ...(picture ? [picture] : [])].some(ring);
  if (plain) return [words, 'no ring is around it'];
  return [words, out ? 'it is out of sight' : under ? 'the header covers it' : ''];
}"""
"""What has the focus, and what keeps that from being seen."""


class Keyboard:
    """Moves by Tab, as often as a patient person would, and sees where the focus is at every step."""

    def __init__(self, page: Page, patience: int = 70) -> None:
        self.page = page
        self.patience = patience

    def reach(self, target: Locator, *, back: bool = False) -> None:
        """Tab until ``target`` has the focus; fails after ``patience`` steps, or where it is not seen."""
        target.first.wait_for(state="attached")
        focused = target.and_(self.page.locator(":focus"))
        passed = []
        for _ in range(self.patience):
            if focused.count():
                return
            self.page.keyboard.press("Shift+Tab" if back else "Tab")
            passed.append(self._look())
        raise AssertionError(f"{self.patience} steps did not lead to {target}: {', '.join(passed)}")

    def press(self, target: Locator, *, back: bool = False) -> None:
        """Follow a link or press a button."""
        self.reach(target, back=back)
        self.page.keyboard.press("Enter")

    def write(self, target: Locator, text: str) -> None:
        self.reach(target)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def pick(self, target: Locator, words: str) -> None:
        """Choose from a list by typing how the choice begins."""
        self.reach(target)
        self.page.keyboard.type(words)
        chosen = target.evaluate("select => select.selectedOptions[0].text")
        assert chosen == words, chosen

    def skip(self) -> None:
        """Past the header, by the link made for that."""
        self.press(self.page.get_by_role("link", name="Skip to the content"))
        assert self.page.evaluate("document.activeElement.id") == "main"

    def _look(self) -> str:
        words, trouble = self.page.evaluate(LOOK)
        assert not trouble, f"{words!r} has the focus, but {trouble} ({self.page.url})"
        return str(words).replace("\n", " ")
