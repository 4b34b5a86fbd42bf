// Where the page begins.

import { createRoot } from "react-dom/client";

import { App } from "./app";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/reading.css";
import { startTheme } from "./shell/theme";

startTheme();
const page = document.getElementById("page");
if (page) createRoot(page).render(<App />);
