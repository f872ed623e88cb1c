/* Makes complete pages nicer: plots from the tables below them, times that go on, commands to copy.
 * Nothing is fetched, and nothing is written that does not stand in the page already. */
(function () {
    "use strict";

    document.documentElement.classList.add("js"); // plots have their place before they are drawn

    // --- numbers and times, as the server writes them (frontend/site/format.c) ---

    function withUnit(value, unit) {
        const prefixes = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];
        let i = 0;

        if (!unit) {
            return Math.round(value).toLocaleString("en");
        }
        while (value >= 999.5 && i + 1 < prefixes.length) {
            value /= 1000;
            i++;
        }
        const digits = value === 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
        return value.toFixed(digits) + "\u00a0" + prefixes[i] + unit;
    }

    function span(seconds) {
        const units = [[31536000, "year"], [86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
        const unit = units.find((u) => seconds >= u[0]) || units[units.length - 1];
        const n = Math.floor(seconds / unit[0]);

        return n + " " + unit[1] + (n === 1 ? "" : "s");
    }

    function ago(seconds) {
        if (Math.abs(seconds) < 10) {
            return "just now";
        }
        return seconds > 0 ? span(seconds) + " ago" : "in " + span(-seconds);
    }

    function goOn() {
        document.querySelectorAll("time[datetime] > .ago").forEach((text) => {
            const at = Date.parse(text.parentNode.getAttribute("datetime"));

            if (!Number.isNaN(at)) {
                text.textContent = ago((Date.now() - at) / 1000);
            }
        });
    }

    // --- plots ---

    function color(name) {
        return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    }

    // Seconds and numbers of one column of the table that belongs to a plot.
    function series(canvas) {
        const column = Number(canvas.dataset.column);
        const rows = canvas.closest("figure").querySelectorAll("tbody tr");
        const times = [], values = [];

        rows.forEach((row) => {
            times.push(Date.parse(row.cells[0].querySelector("time").getAttribute("datetime")) / 1000);
            values.push(Number(row.cells[column].dataset.value));
        });
        return [times, values];
    }

    function axes(unit, days) {
        const common = {
            stroke: color("--soft"),
            grid: { stroke: color("--line"), width: 1 },
            ticks: { show: false },
            font: "12px system-ui, sans-serif",
        };

        return [
            Object.assign({}, common, {
                space: 70,
                size: 28,
                values: (u, splits) => splits.map((s) => {
                    const iso = new Date(s * 1000).toISOString();
                    const midnight = s % 86400 === 0;
                    return days || midnight ? iso.slice(5, 10) : iso.slice(11, 16);
                }),
                incrs: days ? [1, 2, 7, 14, 28].map((n) => n * 86400)
                    : [600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 2 * 86400, 4 * 86400],
            }),
            Object.assign({}, common, {
                size: unit ? 86 : 60,
                space: 40,
                values: (u, splits) => splits.map((s) => withUnit(s, unit).replace(/\.(\d*?)0+(?=\D)/, ".$1").replace(/\.(?=\D)/, "")),
                incrs: unit ? undefined : [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4,
                    1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12],
            }),
        ];
    }

    function showValue(canvas, tip, data) {
        return (u) => {
            const i = u.cursor.idx;

            if (i === null || i === undefined) {
                tip.textContent = "";
                return;
            }
            const iso = new Date(data[0][i] * 1000).toISOString();
            const day = canvas.dataset.kind === "bar";
            tip.textContent = iso.slice(0, day ? 10 : 16).replace("T", " ") + (day ? "" : " UTC") + ": " +
                withUnit(data[1][i], canvas.dataset.unit);
        };
    }

    function draw(canvas) {
        const data = series(canvas);
        const bar = canvas.dataset.kind === "bar";
        const tip = document.createElement("div");
        const top = 22; // for the plot's name and the value under the pointer
        const line = {
            stroke: color("--plot"),
            fill: bar ? color("--plot") : color("--plot-fill"),
            width: bar ? 0 : 2,
            points: { show: data[0].length < 3 },
        };

        if (bar) {
            line.paths = uPlot.paths.bars({ size: [0.7, 60] });
        }
        tip.className = "tip";
        tip.setAttribute("aria-hidden", "true");
        canvas.replaceChildren();
        canvas.plot = new uPlot({
            width: canvas.clientWidth,
            height: canvas.clientHeight,
            padding: [top, 22, 0, 0],
            tzDate: (s) => uPlot.tzDate(new Date(s * 1000), "Etc/UTC"),
            legend: { show: false },
            cursor: { y: false, drag: { setScale: false }, points: { show: !bar } },
            select: { show: false },
            scales: {
                x: bar ? { range: (u, low, high) => [low - 43200, high + 43200] } : {},
                y: { range: (u, low, high) => [0, high > 0 ? high * 1.1 : 1] },
            },
            axes: axes(canvas.dataset.unit, bar),
            series: [{}, line],
            hooks: { setCursor: [showValue(canvas, tip, data)] },
        }, data, canvas);
        canvas.append(tip);
    }

    function drawAll() {
        if (typeof uPlot === "undefined") {
            return;
        }
        document.querySelectorAll(".canvas").forEach((canvas) => {
            if (canvas.plot) {
                canvas.plot.destroy();
            }
            draw(canvas);
        });
    }

    // --- commands to copy ---

    function addCopyButtons() {
        if (!navigator.clipboard) {
            return;
        }
        document.querySelectorAll("pre").forEach((pre) => {
            const box = document.createElement("div"), button = document.createElement("button");

            box.className = "code";
            button.className = "copy";
            button.type = "button";
            button.textContent = "Copy";
            pre.replaceWith(box);
            box.append(pre, button);
            button.addEventListener("click", () => {
                navigator.clipboard.writeText(pre.textContent).then(() => {
                    button.textContent = "Copied";
                    setTimeout(() => { button.textContent = "Copy"; }, 2000);
                });
            });
        });
    }

    document.addEventListener("DOMContentLoaded", () => {
        let width = window.innerWidth;

        goOn();
        setInterval(goOn, 20000);
        addCopyButtons();
        drawAll();
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
        window.addEventListener("resize", () => {
            if (window.innerWidth !== width) { // phones resize whenever their bars come and go
                width = window.innerWidth;
                drawAll();
            }
        });
    });
})();
