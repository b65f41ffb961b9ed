/* Shows the page when one of its notifications is clicked. Android shows notifications of service workers only. */
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const toPage = async () => {
    const [page] = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    await (page === undefined ? self.clients.openWindow("./") : page.focus());
  };
  event.waitUntil(toPage());
});
