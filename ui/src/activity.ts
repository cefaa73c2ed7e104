// activity.ts: whether the page is done with what it was asked for. <html data-activity> is "busy" from the first call to the appliance or
// step to another address until everything that came of it is drawn, and "idle" after that: for tools that drive the page, which
// have no eyes to see that it is still at work. What is said to people about it, the screens say (aria-busy, "Loading …").

let underWay = 0;
let looking = false;

function tell(state: "busy" | "idle"): void {
  document.documentElement.dataset["activity"] = state;
}

// Work is over when it is drawn and the effects of drawing have run (they wait for a frame and then a turn), and nothing new came of it.
function lookAfterDrawing(): void {
  if (looking) return;
  looking = true;
  requestAnimationFrame(() =>
    setTimeout(() =>
      setTimeout(() => {
        looking = false;
        if (underWay === 0) tell("idle");
      }),
    ),
  );
}

// Says that work has begun; what it gives back says that it has ended.
export function begin(): () => void {
  let ended = false;
  underWay++;
  tell("busy");
  return () => {
    if (ended) return;
    ended = true;
    if (--underWay === 0) lookAfterDrawing();
  };
}

export async function during<T>(work: Promise<T>): Promise<T> {
  const end = begin();
  try {
    return await work;
  } finally {
    end();
  }
}
