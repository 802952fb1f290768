const COLOURS = ["#2eb67d", "#e8912d", "#1164a3", "#7c3085", "#c01343"];

function colourOf(id: string): string {
  const sum = [...id].reduce((total, character) => (total * 33 + character.charCodeAt(0)) % 9973, 7);
  return COLOURS[sum % COLOURS.length] ?? "#2eb67d";
}

export function Avatar({ user, name, size = 36 }: { user: string; name: string; size?: number }) {
  const style = { background: colourOf(user), width: `${size}px`, height: `${size}px`, fontSize: `${size * 0.5}px` };
  return (
    <span class="avatar" style={style} aria-hidden="true">
      {name.charAt(0).toUpperCase()}
    </span>
  );
}

/** The bot: a bicycle for two. */
export function BotAvatar({ size = 36 }: { size?: number }) {
  return (
    <svg class="avatar" width={size} height={size} viewBox="0 0 36 36" aria-hidden="true">
      <rect width="36" height="36" fill="#10353f" />
      <g fill="none" stroke="#fff" stroke-width="1.9" stroke-linecap="round" stroke-linejoin="round">
        <circle cx="8.5" cy="22.5" r="4.6" stroke="#36c5f0" />
        <circle cx="27.5" cy="22.5" r="4.6" stroke="#ecb22e" />
        <path d="M8.5 22.5 12 14.5H24.5L27.5 22.5M12 14.5l4.5 8h5L24 14.5M8.5 22.5h8M10.5 12.5h3.4M12.3 12.5v2M24.2 14.5l-.8-3.2h3.2" />
      </g>
    </svg>
  );
}
