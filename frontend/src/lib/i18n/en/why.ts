export const why = {
  title: "Why did it do that?",
};
