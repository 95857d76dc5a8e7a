// The ring, made by the browser: two soft tones, no file.

let audio: AudioContext | null = null;

/** chime plays the ring once. It is silent until the person has touched the page (browsers demand that). */
export function chime(): void {
  audio ??= new AudioContext();
  void audio.resume();
  const start = audio.currentTime + 0.02;
  [
    [660, 0],
    [880, 0.22],
  ].forEach(([hz = 0, at = 0]) => {
    if (!audio) return;
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = hz;
    tone.type = "sine";
    volume.gain.setValueAtTime(0, start + at);
    volume.gain.linearRampToValueAtTime(0.18, start + at + 0.03);
    volume.gain.exponentialRampToValueAtTime(0.001, start + at + 0.45);
    tone.connect(volume).connect(audio.destination);
    tone.start(start + at);
    tone.stop(start + at + 0.5);
  });
}
