// The tab's title: the page's name, and a badge in front while something rings.
let page = "";
let badge = "";

function show(): void {
  document.title = [badge || page, "ringbook"].filter(Boolean).join(" · ");
}

export function setPageTitle(name: string): void {
  page = name;
  show();
}

/** setBadge puts a text in the place of the page's name; an empty one takes it away. */
export function setBadge(text: string): void {
  badge = text;
  show();
}
