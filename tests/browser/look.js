// Run in a page by tests/browser/run; its answer is what the script there judges.
const done = arguments[arguments.length - 1];

function channels(colour) {
    const found = colour.match(/[\d.]+/g).map(Number);
    return { rgb: found.slice(0, 3), alpha: found.length > 3 ? found[3] : 1 };
}

function over(top, below) {
    return top.rgb.map((value, i) => value * top.alpha + below[i] * (1 - top.alpha));
}

// Of what is behind an element: its own background over that of all around it.
function background(element) {
    if (!element) return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
    const own = channels(getComputedStyle(element).backgroundColor);
    return own.alpha === 1 ? own.rgb : over(own, background(element.parentElement));
}

function luminance(rgb) {
    const [r, g, b] = rgb.map((value) => value / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(element) {
    const behind = background(element), style = getComputedStyle(element);
    const [light, dark] = [luminance(over(channels(style.color), behind)), luminance(behind)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
}

function needed(element) {
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    return size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
}

function visible(element) {
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    return box.width > 1 && box.height > 1 && style.visibility !== "hidden" && style.display !== "none";
}

function name(element) {
    return element.tagName.toLowerCase() + (element.className ? "." + element.className : "") + " " + element.textContent.trim().slice(0, 40);
}

function withText() {
    const found = new Set(), walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) if (walk.currentNode.data.trim() && visible(walk.currentNode.parentElement)) found.add(walk.currentNode.parentElement);
    return [...found];
}

// What scrolls within a box of its own is no wider than its box.
function inScroller(element) {
    for (let at = element.parentElement; at && at !== document.body; at = at.parentElement)
        if (["auto", "scroll", "hidden"].includes(getComputedStyle(at).overflowX)) return true;
    return false;
}

function answer(shift) {
    const root = document.documentElement;
    const wide = [...document.body.querySelectorAll("*")].find((e) => e.getBoundingClientRect().right > root.clientWidth + 1 && !inScroller(e));
    done({
        width: root.scrollWidth,
        window: root.clientWidth,
        widest: wide ? name(wide) : "",
        unlabelled: [...document.querySelectorAll("input:not([type=hidden]), select, textarea")].filter((e) => !e.labels.length && !e.getAttribute("aria-label")).map(name),
        faint: withText().map((e) => [contrast(e), e]).filter(([ratio, e]) => ratio < needed(e)).map(([ratio, e]) => [ratio, name(e)]),
        shift: shift,
    });
}

let shift = 0;
new PerformanceObserver((list) => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) shift += entry.value; }).observe({ type: "layout-shift", buffered: true });
setTimeout(() => answer(shift), 300);
