// Set-up shared by the unit tests: a clean document and storage for each.
import { cleanup } from "@testing-library/react";
import { afterEach, beforeEach } from "vitest";

beforeEach(() => localStorage.clear());
afterEach(() => cleanup());
