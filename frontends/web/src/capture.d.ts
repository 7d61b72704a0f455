// Only in part in TypeScript's own types: https://w3c.github.io/mediacapture-transform/

interface MediaStreamTrackProcessorInit {
  track: MediaStreamTrack;
}
