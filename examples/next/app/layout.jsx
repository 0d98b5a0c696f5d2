import { Visitor } from "./visitor.jsx";

export const metadata = { title: "Shop", icons: "data:," };

// The predictor lives here, so that it stays while the visitor goes from page to page.
export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>
        <Visitor>{children}</Visitor>
      </body>
    </html>
  );
}
