// Icons, drawn here: strokes of 2 in a box of 24.

const PATHS = {
  microphone: 'M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM6 11a6 6 0 0 0 12 0M12 17v4',
  microphone_off: 'M9 9v2a3 3 0 0 0 5 2M15 10V6a3 3 0 0 0-6-1M6 11a6 6 0 0 0 9 5M18 11v1M12 17v4M4 4l16 16',
  camera: 'M3 7h12v10H3zM15 11l6-3v8l-6-3',
  camera_off: 'M7 7h8v6M15 17H3V8M15 11l6-3v8l-3-1M4 4l16 16',
  screen: 'M3 5h18v11H3zM9 20h6M12 16v4M12 13V8M9 10l3-3 3 3',
  hand: 'M7 12V6a1.5 1.5 0 0 1 3 0v5V4.500a1.500 1.500 0 0 1 3 0V11V6a1.500 1.500 0 0 1 3 0v6M16 10a1.500 1.500 0 0 1 3 0v4a7 7 0 0 1-7 7c-3 0-4.500-1.500-6-4l-2-4a1.500 1.500 0 0 1 2.500-1.500L8 14',
  chat: 'M4 5h16v11H9l-5 4z',
  people: 'M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM3 19c0-3 3-5 6-5s6 2 6 5M16 5a3 3 0 0 1 0 6M17 14c2.500.500 4 2.500 4 5',
  leave: 'M10 4H5v16h5M14 8l4 4-4 4M18 12H9',
  lock: 'M6 11h12v9H6zM8 11V8a4 4 0 0 1 8 0v3',
  close: 'M6 6l12 12M18 6L6 18',
  settings:
    'M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM12 3v3M12 18v3M3 12h3M18 12h3M5.600 5.600l2 2M16.400 16.400l2 2M18.400 5.600l-2 2M7.600 16.400l-2 2',
  layout: 'M3 5h12v14H3zM18 5h3v4h-3zM18 12h3v4h-3z',
  pin: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5',
  send: 'M4 12l16-8-6 16-3-7z',
  shield: 'M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6z',
  file: 'M6 3h8l5 5v13H6zM14 3v5h5',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l5 5',
  theme: 'M12 4a8 8 0 1 0 8 8 6 6 0 0 1-8-8z',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
