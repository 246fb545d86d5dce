// Requests never change once they are listed, so new ones are put in and old ones
// taken out; what the reader has opened or selected stays.
const list = document.getElementById("list");
const live = document.getElementById("live");
let tag = "";

async function update() {
	const answer = await fetch("/", { headers: { "If-None-Match": tag } });
	if (answer.status === 304) return;
	const page = new DOMParser().parseFromString(await answer.text(), "text/html");
	const next = page.getElementById("list");
	if (next.dataset.run !== list.dataset.run) return location.reload();
	tag = answer.headers.get("ETag");
	for (const old of [...list.children]) {
		if (!page.getElementById(old.id)) old.remove();
	}
	list.prepend(...[...next.children].filter((item) => !document.getElementById(item.id)));
	document.getElementById("total").textContent = page.getElementById("total").textContent;
}

async function watch() {
	if (!document.hidden) {
		await update().then(() => live.textContent = "live", () => live.textContent = "not reachable");
	}
	setTimeout(watch, 1000);
}

watch();
