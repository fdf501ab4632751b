// This device's cameras: which there are, and opening one.

import { Refused } from "./api.js";

const SIZE = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30, max: 30 } };
const FACING = { front: "user", back: "environment" };

const touch = () => matchMedia("(pointer: coarse)").matches;

/**
 * The cameras to choose from: `[{value, label}]`. Browsers tell names only after permission was given, and phones are
 * asked by the side their cameras look to. One entry or none means that there is no choice.
 */
export async function cameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  const named = devices.filter(({ kind, deviceId, label }) => kind === "videoinput" && deviceId && label);
  const sides = [
    { value: "front", label: "Front camera" },
    { value: "back", label: "Back camera" },
  ];
  const all = named.map(({ deviceId, label }) => ({ value: deviceId, label }));
  return touch() ? [...sides, ...all] : all;
}

/** Call back when a camera comes or goes. */
export function onCameras(changed) {
  navigator.mediaDevices?.addEventListener("devicechange", changed);
}

/** Open a camera by a value of cameras(), or any where it is empty. Throws Refused("insecure") or the browser's own error. */
export async function openCamera(value) {
  if (!navigator.mediaDevices) throw new Refused("insecure");
  const which = FACING[value] ? { facingMode: { ideal: FACING[value] } } : value ? { deviceId: { exact: value } } : {};
  return navigator.mediaDevices.getUserMedia({ video: { ...SIZE, ...which }, audio: false });
}
